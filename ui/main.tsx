/** Starts the page. */
import { render } from 'preact'
import { App } from './App.tsx'
import { connect } from './store.ts'
import { allowOwnWorker } from './trusted.ts'
import './style/base.css'
import './style/frame.css'
import './style/timeline.css'
import './style/code.css'
import './style/views.css'
import './style/diagram.css'
import './style/rows.css'
import './style/findings.css'

allowOwnWorker()
connect()
const page = document.getElementById('page')
if (page) render(<App />, page)
